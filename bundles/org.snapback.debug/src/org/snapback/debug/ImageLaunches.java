// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug;

import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationType;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.core.ILaunchManager;
import org.snapback.core.image.ImageFacts;

/** The launch configurations by which images are restarted. */
public final class ImageLaunches {

    private ImageLaunches() {}

    /** The configuration that restarts that image, so that what the user has set in it is kept; made if there is none. */
    public static ILaunchConfiguration configuration(Path image) throws CoreException {
        ILaunchManager manager = DebugPlugin.getDefault().getLaunchManager();
        ILaunchConfigurationType type = manager.getLaunchConfigurationType(LaunchAttributes.IMAGE_TYPE);
        for (ILaunchConfiguration known : manager.getLaunchConfigurations(type)) {
            if (image.toString().equals(known.getAttribute(LaunchAttributes.IMAGE, ""))) {
                return known;
            }
        }
        String name = image.getFileName().toString().replaceFirst("\\.snapback$", "");
        ILaunchConfigurationWorkingCopy made = type.newInstance(null, manager.generateLaunchConfigurationName(name));
        made.setAttribute(LaunchAttributes.IMAGE, image.toString());
        return made.doSave();
    }

    /** What runs in it, in one word. */
    public static String programName(ImageFacts facts) {
        String executable = facts.program().executable();
        String name = executable.substring(executable.lastIndexOf('/') + 1);
        return name.isEmpty() ? "image" : name;
    }
}
