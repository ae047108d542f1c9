// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.ui.AbstractLaunchConfigurationTabGroup;
import org.eclipse.debug.ui.CommonTab;
import org.eclipse.debug.ui.EnvironmentTab;
import org.eclipse.debug.ui.ILaunchConfigurationDialog;
import org.eclipse.debug.ui.ILaunchConfigurationTab;

/** The tabs of our two launch types; the one that is debugged has what belongs to gdb besides. */
public final class ProgramTabGroup extends AbstractLaunchConfigurationTabGroup {

    @Override
    public void createTabs(ILaunchConfigurationDialog dialog, String mode) {
        boolean debug = ILaunchManager.DEBUG_MODE.equals(mode);
        setTabs(new ILaunchConfigurationTab[] {
            new MainTab(!debug), new ArgumentsTab(debug), new SnapbackTab(), new EnvironmentTab(), new CommonTab()
        });
    }
}
