// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.variables.VariablesPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.ui.AbstractLaunchConfigurationTab;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.ui.PlatformUI;
import org.snapback.debug.LaunchAttributes;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;

/** The image of a launch configuration. */
public final class ImageTab extends AbstractLaunchConfigurationTab {

    private PathRow image;

    @Override
    public void createControl(Composite parent) {
        Composite page = new Composite(parent, SWT.NONE);
        GridLayoutFactory.swtDefaults().applyTo(page);
        image = PathRow.file(page, Messages.mainImage, Messages.mainImageTitle, this::updateLaunchConfigurationDialog);
        setControl(page);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(page, "org.snapback.ui.launch_image");
    }

    @Override
    public void setDefaults(ILaunchConfigurationWorkingCopy configuration) {
        configuration.setAttribute(LaunchAttributes.IMAGE, "");
    }

    @Override
    public void initializeFrom(ILaunchConfiguration configuration) {
        try {
            image.set(configuration.getAttribute(LaunchAttributes.IMAGE, ""));
        } catch (CoreException e) {
            setErrorMessage(e.getStatus().getMessage());
        }
    }

    @Override
    public void performApply(ILaunchConfigurationWorkingCopy configuration) {
        configuration.setAttribute(LaunchAttributes.IMAGE, image.get());
    }

    @Override
    public boolean isValid(ILaunchConfiguration configuration) {
        String problem = problem();
        setErrorMessage(problem);
        return problem == null;
    }

    private String problem() {
        try {
            String file = VariablesPlugin.getDefault()
                    .getStringVariableManager()
                    .performStringSubstitution(image.get());
            if (file.isEmpty()) {
                return Messages.mainImageMissing;
            }
            return Files.isRegularFile(Path.of(file)) ? null : Messages.bind(Messages.mainImageNotThere, file);
        } catch (CoreException e) {
            return e.getStatus().getMessage();
        }
    }

    @Override
    public String getName() {
        return Messages.mainName;
    }

    @Override
    public Image getImage() {
        return Images.IMAGE.image();
    }

    @Override
    public String getId() {
        return "org.snapback.ui.launch.image";
    }
}
